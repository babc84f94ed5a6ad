-- wrk: the headers of a browser, and a look at every response.
-- Arguments after --: expected length of the body; bytes to upload, or 0.

wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
wrk.headers["Accept-Language"] = "en-US,en;q=0.5"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
wrk.headers["Cookie"] = "session=0123456789abcdef"

local threads = {}
expected = 0
wrong = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  expected = tonumber(args[1])
  local upload = tonumber(args[2])
  if upload > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", upload)
  end
end

function response(status, headers, body)
  if status ~= 200 or #body ~= expected then wrong = wrong + 1 end
end

function done(summary)
  local total = 0
  for _, thread in ipairs(threads) do total = total + thread:get("wrong") end
  local errors = summary.errors
  print("RESULT " .. summary.requests .. " " ..
    (total + errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
