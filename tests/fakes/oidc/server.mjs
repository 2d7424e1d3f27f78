// A product behind a certified OAuth server (npm `oidc-provider`): codes with PKCE, refresh tokens that are
// good once, client credentials, revocation. A refresh token that comes a second time ends all that came of it.
//
//     node server.mjs <directory with node_modules> <JSON: Python's `Oidc` options>
//
// Prints its URL, then serves on loopback until it is ended. Beside the OAuth endpoints:
//
//     GET  /tickets             the product: 401 without a living access token
//     GET  /_control/seen       what was asked of /token: [{grant_type, status, error?}], and the product's calls
//     POST /_control/issue      {client} -> a token reply, as if somebody had just allowed it
//     POST /_control/hold       {times}: that many token answers wait, with the token changed hands already
//     POST /_control/release    they go out
//     POST /_control/outage     {times, status}: that many token calls are answered so, and nothing is done

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, text] = process.argv.slice(2);
const options = JSON.parse(text);
const entry = createRequire(`${modules}/package.json`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(entry).href);

const server = createServer();
await new Promise((resolve) => server.listen(options.port, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;
const scopes = ['openid', 'offline_access', 'tickets.read', 'tickets.write'];

const app = (id, secret, method, grants, redirects) => ({
  client_id: id,
  ...(secret && { client_secret: secret }),
  token_endpoint_auth_method: method,
  grant_types: grants,
  response_types: grants.includes('authorization_code') ? ['code'] : [],
  redirect_uris: redirects,
  scope: scopes.join(' '),
});
const usual = ['authorization_code', 'refresh_token'];

const provider = new Provider(url, {
  clients: [
    app('app', 'app-secret', 'client_secret_basic', usual, options.redirect_uris),
    app('app-post', 'app-secret', 'client_secret_post', usual, options.redirect_uris),
    app('app-public', null, 'none', usual, options.redirect_uris),
    app('machine', 'machine-secret', 'client_secret_basic', ['client_credentials'], []),
  ],
  scopes,
  cookies: { keys: ['a key of a test'] },
  claims: { openid: ['sub'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: options.seconds, ClientCredentials: options.seconds, RefreshToken: 86_400 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});

const seen = { tokens: [], revocations: [], tickets: [] };
let holds = 0;
let held = [];
let outage = { times: 0, status: 503 };

provider.use(async (ctx, next) => {
  if (ctx.method !== 'POST' || !['/token', '/token/revocation'].includes(ctx.path)) return next();
  if (ctx.path === '/token' && outage.times > 0) {
    outage.times -= 1;
    ctx.status = outage.status;
    ctx.body = { error: 'temporarily_unavailable' };
    seen.tokens.push({ grant_type: null, status: outage.status });
    return undefined;
  }
  await next();
  const sent = ctx.oidc?.params ?? {};
  if (ctx.path === '/token/revocation') {
    seen.revocations.push({ token: sent.token, status: ctx.status });
    return undefined;
  }
  const { error } = ctx.body ?? {};
  seen.tokens.push({ grant_type: sent.grant_type, status: ctx.status, ...(error && { error }) });
  if (holds > 0) {
    holds -= 1;
    await new Promise((resolve) => held.push(resolve));
  }
  return undefined;
});

async function issue(clientId) {
  const client = await provider.Client.find(clientId);
  const scope = 'tickets.read offline_access';
  const grant = new provider.Grant({ accountId: 'ana', clientId });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const of = { accountId: 'ana', client, grantId, gty: 'authorization_code', scope };
  const access = await new provider.AccessToken(of).save();
  const refresh = await new provider.RefreshToken({ ...of, rotations: 0 }).save();
  return {
    access_token: access, refresh_token: refresh, token_type: 'Bearer', expires_in: options.seconds, scope,
  };
}

async function tickets(request, response) {
  const [, sent] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  const found = sent && ((await provider.AccessToken.find(sent)) ?? (await provider.ClientCredentials.find(sent)));
  const status = found ? 200 : 401;
  seen.tickets.push(status);
  reply(response, status, found ? { items: [{ id: '1', subject: 'Printer on fire' }] } : { message: 'no' });
}

const page = (uid, scope) => `<!doctype html><html lang="en"><title>Allow?</title><main><h1>Allow access?</h1>
<p>${scope.replaceAll(/[^\w .]/g, '')}</p><form method="post" action="/interaction/${uid}">
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form></main>`;

async function interaction(request, response) {
  const { uid, params } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    return response.end(page(uid, params.scope ?? ''));
  }
  if (!(await body(request)).includes('answer=allow')) {
    const denied = { error: 'access_denied', error_description: 'End-User denied the request' };
    return provider.interactionFinished(request, response, denied);
  }
  const grant = new provider.Grant({ accountId: 'ana', clientId: params.client_id });
  if (params.scope) grant.addOIDCScope(params.scope);
  const result = { login: { accountId: 'ana' }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}

const control = {
  seen: () => seen,
  issue: ({ client }) => issue(client),
  hold: ({ times }) => { holds = times; return {}; },
  release: () => { holds = 0; held.splice(0).forEach((go) => go()); return {}; },
  outage: (given) => { outage = given; return {}; },
};

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

function reply(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

const callback = provider.callback();
server.on('request', async (request, response) => {
  try {
    const { pathname } = new URL(request.url, url);
    const [, first, second] = pathname.split('/');
    if (pathname === '/tickets') return await tickets(request, response);
    if (first === 'interaction') return await interaction(request, response);
    if (first !== '_control') return callback(request, response);
    const sent = await body(request);
    return reply(response, 200, await control[second](sent ? JSON.parse(sent) : {}));
  } catch (error) {
    return reply(response, 500, { message: String(error) });
  }
});
server.keepAliveTimeout = 60_000;
console.log(url);
