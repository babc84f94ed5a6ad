/** Host and port, as in the Host header (RFC 9110 § 7.2). Pure functions. */

/** uri-host [ ":" port ]. There is no userinfo, as there may be in a URL. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::\d{0,5})?$/;

/** Whether this can be the value of a Host header. */
export function isHost(value: string): boolean {
  return HOST.test(value);
}

/** Whether this is a port to which a client can connect: 1 to 65535, without leading zeros. */
export function isPort(value: string): boolean {
  return /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535;
}
