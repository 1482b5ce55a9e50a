// A program as a user of the API would write it, against the types that are generated
// from the OpenAPI document: it does not compile where the document does not describe
// what it does, and stops where the server does something else.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { env: Record<string, string | undefined>; exitCode: number };

type Binding = components["schemas"]["Binding"];

const client = createClient<paths>({ baseUrl: `${process.env.GATEHOUSE}/admin/v1` });
const bearer: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${process.env.TOKEN}`);
    return request;
  },
};
client.use(bearer);

// given is what an answer must have, by its status.
function given<T>(answer: { data?: T; error?: unknown; response: Response }, status: number): T {
  if (answer.response.status !== status || (status !== 204 && answer.data === undefined)) {
    throw new Error(`${answer.response.url}: ${answer.response.status} ${JSON.stringify(answer.error)}, want ${status}`);
  }
  return answer.data as T;
}

async function run(): Promise<void> {
  const organisation = given(await client.POST("/organisations", { body: { handle: "umbrella", name: "Umbrella" } }), 201);
  const team = given(
    await client.POST("/teams", { body: { organisation: organisation.uid, handle: "vaults", name: "Vaults" } }),
    201,
  );
  const namespace = given(await client.POST("/namespaces", { body: { name: "vault", owners: [`team:${team.uid}`] } }), 201);

  const at = { path: { namespace: namespace.name } };
  const principal = "group:/umbrella/guests & co";
  const made = await client.POST("/namespaces/{namespace}/bindings", {
    params: at,
    body: { principal, role: "view", expires: "2037-01-31T18:00:00Z" },
  });
  const binding: Binding = given(made, 201);
  const etag = made.response.headers.get("ETag");
  const revision = made.response.headers.get("Gatehouse-Revision");
  if (!etag || !revision) {
    throw new Error("a binding is made without a version or a revision");
  }

  const one = { ...at, query: { principal } };
  const patched = given(
    await client.PATCH("/namespaces/{namespace}/binding", {
      params: { ...one, header: { "If-Match": etag } },
      body: { role: "edit", expires: null },
    }),
    200,
  );
  const stale = await client.DELETE("/namespaces/{namespace}/binding", { params: { ...one, header: { "If-Match": etag } } });
  if (stale.response.status !== 412 || stale.error?.code !== "precondition_failed") {
    throw new Error(`a stale version is answered with ${stale.response.status}`);
  }
  const list = given(
    await client.GET("/namespaces/{namespace}/bindings", { params: { ...at, query: { limit: 10 }, header: { "Gatehouse-At-Least": revision } } }),
    200,
  );
  given(await client.DELETE("/namespaces/{namespace}/binding", { params: one }), 204);
  const gone = await client.GET("/namespaces/{namespace}/binding", { params: one });

  console.log(
    JSON.stringify({
      organisation: organisation.handle,
      team: { organisation: team.organisation === organisation.uid, handle: team.handle, name: team.name },
      namespace: { name: namespace.name, owners: namespace.owners.map((owner) => owner === `team:${team.uid}`) },
      made: binding,
      patched,
      listed: list.items.map((item) => item.principal),
      gone: gone.response.status,
    }),
  );
}

await run();
