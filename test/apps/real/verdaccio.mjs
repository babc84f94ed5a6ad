// Verdaccio, a private npm registry, as its documentation makes a server of it. Its folder: VERDACCIO_FOLDER.
import { runServer } from 'verdaccio';

const folder = process.env.VERDACCIO_FOLDER;

export default await runServer({
  configPath: folder,
  self_path: folder,
  storage: `${folder}/storage`,
  web: { enable: false },
  auth: { htpasswd: { file: `${folder}/htpasswd`, max_users: 10 } },
  uplinks: {},
  packages: { '**': { access: '$all', publish: '$authenticated' } },
  log: { type: 'stdout', format: 'pretty', level: 'fatal' },
});
