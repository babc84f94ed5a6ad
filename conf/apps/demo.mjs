#!/usr/bin/env postern
// wsgiref's demonstration application: a greeting, and the environ of the request.  npm start
export { demoApp as default } from 'postern';
