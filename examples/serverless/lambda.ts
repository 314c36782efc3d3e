/** The handler for AWS Lambda behind API Gateway, a load balancer or a function URL: an event in, a result out. */
import { handle } from "hono/aws-lambda";
import app from "./handler.ts";

export const handler = handle(app);
