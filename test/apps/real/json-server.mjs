// json-server as a module, as its documentation has it. Its database: JSON_SERVER_DB.
// @ts-expect-error: it has no type declarations
import jsonServer from 'json-server';

const server = jsonServer.create();
server.use(jsonServer.defaults({ logger: false }));
server.use(jsonServer.router(process.env.JSON_SERVER_DB));

export default server;
