import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a secret manager of these tests answers: a text, an error of its own, or nothing ever. */
export type Answer = { readonly text: string } | { readonly refused: string } | "silence";

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

const listen = (server: Server): Promise<{ url: string; close: () => void }> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const close = () => {
        server.closeAllConnections();
        server.close();
      };
      resolve({ url: `http://127.0.0.1:${port}`, close });
    });
  });

/** AWS Secrets Manager's GetSecretValue, by region and name of the secret. */
export const awsSecretManager = (answer: (region: string, secret: string) => Answer, account: string) =>
  listen(
    createServer((request, response) => {
      void bodyOf(request).then((body) => {
        // The region is part of the signature's scope: Credential=KEY/DATE/REGION/secretsmanager/aws4_request
        const region = /Credential=[^/]+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? "";
        const { SecretId } = JSON.parse(body) as { SecretId: string };
        const its = answer(region, SecretId);
        if (its === "silence") return;
        const [status, content] =
          "text" in its
            ? [
                200,
                {
                  ARN: `arn:aws:secretsmanager:${region}:${account}:secret:${SecretId}-a1b2c3`,
                  SecretString: its.text,
                },
              ]
            : [400, { __type: its.refused, message: `${SecretId}: ${its.refused}` }];
        response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(content));
      });
    }),
  );

/** Google's metadata server, which gives a token, and Secret Manager. */
export const googleSecretManager = (answer: (path: string) => Answer) =>
  listen(
    createServer((request, response) => {
      const json = (status: number, content: unknown) =>
        response
          .writeHead(status, { "content-type": "application/json", "metadata-flavor": "Google" })
          .end(JSON.stringify(content));
      const path = request.url ?? "";
      if (path.startsWith("/computeMetadata/")) {
        json(200, path.includes("/token") ? { access_token: "a token", expires_in: 3600, token_type: "Bearer" } : {});
        return;
      }
      const its = request.headers.authorization === "Bearer a token" ? answer(path) : { refused: "UNAUTHENTICATED" };
      if (its === "silence") return;
      if ("text" in its) json(200, { payload: { data: Buffer.from(its.text).toString("base64") } });
      else json(403, { error: { code: 403, message: its.refused, status: its.refused } });
    }),
  );
