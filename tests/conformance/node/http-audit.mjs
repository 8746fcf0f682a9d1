// The audits of GraphQL over HTTP that the package graphql-http brings along.
import { serverAudits } from 'graphql-http';
import { finish, note, target } from './harness.mjs';

const fetchFn = (url, init = {}) => fetch(url, { ...init, headers: { ...target.headers, ...init.headers } });

for (const audit of serverAudits({ url: target.url, fetchFn })) {
  const result = await audit.fn();
  const level = audit.name.match(/^(MUST|SHOULD|MAY)/)?.[1] ?? 'MUST';
  note(`${audit.id} ${audit.name}`, level, result.status === 'ok', result.reason ?? '');
}
finish();
