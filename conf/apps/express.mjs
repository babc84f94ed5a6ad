// An Express application. It knows nothing of postern:  postern express.mjs
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import compression from 'compression';
import cookieParser from 'cookie-parser';
import express from 'express';
import session from 'express-session';
import multer from 'multer';

const publicFolder = fileURLToPath(new URL('public/', import.meta.url));
const upload = multer({ limits: { fileSize: 64 * 1024 * 1024 } });

const app = express();
app.use(compression());
app.use(cookieParser());
app.use(express.json(), express.urlencoded({ extended: false }));
app.use('/public', express.static(publicFolder));

app.get('/', (req, res) => void res.type('text').send('Express\n'));

const greetings = express.Router();
greetings.get('/:name', (req, res) => {
  res.type('text').send(`${req.query.greeting ?? 'Hello'}, ${req.params.name}\n`);
});
app.use('/hello', greetings);

app.post(['/json', '/form'], (req, res) => void res.json({ received: req.body }));

app.get('/cookies', (req, res) => {
  res.cookie('flavour', 'oat & honey', { httpOnly: true }).cookie('size', '2', { path: '/' });
  res.json(req.cookies);
});

const sessions = session({ secret: 'for the example', resave: false, saveUninitialized: false });
app.get('/session', sessions, (req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1;
  res.json({ visits: req.session.visits });
});

app.get('/text', (req, res) => void res.type('text').send('All work and no play.\n'.repeat(5000)));

app.post('/upload', upload.array('file'), (req, res) => {
  res.json(
    req.files.map(({ originalname, size, buffer }) => ({
      name: originalname,
      size,
      sha256: createHash('sha256').update(buffer).digest('hex'),
    })),
  );
});

app.get('/download', (req, res) => void res.download(`${publicFolder}style.css`, 'my style.css'));
app.get('/redirect', (req, res) => void res.redirect('hello/you'));

app.get('/events', (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  let count = 0;
  const timer = setInterval(() => {
    res.write(`data: ${++count}\n\n`);
    res.flush(); // the compressor's: an event is not to wait in it
    if (count === 3) res.end();
  }, 20);
  res.on('close', () => clearInterval(timer));
});

app.get('/error', () => {
  throw new Error('thrown');
});
app.get('/error/later', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  throw new Error('rejected');
});
app.use((req, res) => void res.status(404).json({ missing: req.originalUrl }));
app.use((error, req, res, _next) => void res.status(500).json({ error: error.message }));

export default app;
