// An OpenID provider on loopback, with a fresh signing key at every start, so that
// starting it again on the same port is a rotation of its keys.
//
// node issuer.mjs HOST:PORT
//
// People sign in at the client "gatehouse" under any name. The client "reporter" gets
// access tokens for itself. Whoever it is, the groups are readers and admins.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const issuer = `http://${process.argv[2]}`;
const secret = 'not-a-secret-in-a-test';
const day = 24 * 60 * 60;
const groups = ['readers', 'admins'];

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
  clients: [
    { client_id: 'gatehouse', client_secret: secret, redirect_uris: [`${issuer}/back`], scope: 'openid groups' },
    { client_id: 'reporter', client_secret: secret, redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
  ],
  scopes: ['openid', 'groups'],
  claims: { openid: ['sub'], groups: ['groups'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups }) }),
  extraTokenClaims: () => ({ groups }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: '', audience: 'gatehouse', accessTokenFormat: 'jwt', accessTokenTTL: day, jwt: { sign: { alg: 'RS256' } } }),
    },
  },
  ttl: { IdToken: day, AccessToken: day, ClientCredentials: day, Interaction: 600, Session: 600, Grant: 600 },
});

const [host, port] = process.argv[2].split(':');
provider.listen(Number(port), host, () => console.log('listening'));
