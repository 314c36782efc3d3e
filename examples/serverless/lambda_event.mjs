/**
 * Calls the built Lambda handler as AWS does for a photo that comes through API Gateway (payload format 2.0), and prints its
 * result. Usage: node lambda_event.mjs PHOTO
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { handler } from "./dist/lambda.mjs";

const domainName = "id.execute-api.eu-central-1.amazonaws.com";
const result = await handler({
  ...{ version: "2.0", routeKey: "$default", rawPath: "/caption", rawQueryString: "max_tokens=40" },
  headers: { "content-type": "application/octet-stream", "host": domainName },
  requestContext: {
    ...{ accountId: "123456789012", apiId: "id", domainName, domainPrefix: "id", stage: "$default" },
    ...{ requestId: "1", routeKey: "$default", time: "01/Jan/2026:00:00:00 +0000", timeEpoch: 1767225600000 },
    http: { method: "POST", path: "/caption", protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "curl" },
  },
  body: (await readFile(process.argv[2])).toString("base64"),
  isBase64Encoded: true,
}, {});
process.stdout.write(`${JSON.stringify(result)}\n`);
