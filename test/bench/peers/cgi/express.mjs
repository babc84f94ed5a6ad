import express from 'express';

const app = express();
app.get('/', (_req, res) => {
  res.type('text').send('Hello, world!');
});
export default app;
