import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { VERSION } from "../../sdk/version.ts";
import { captionForm, captionOptions, captionRequest, captionResponse } from "./caption_schema.ts";
import { chatCompletion, chatCompletionChunk, chatRequest } from "./chat_schema.ts";
import { health } from "./health.ts";
import { modelList, modelObject } from "./models.ts";
import { status } from "./status.ts";

/** Of every error. */
export const errorResponse = v.object({
  error: v.object({ message: v.string(), type: v.string(), param: v.nullable(v.string()), code: v.string() }),
});

/** A schema that validates, as JSON Schema. */
function jsonSchema(schema: v.GenericSchema): Record<string, unknown> {
  // OpenAPI says the dialect once for all
  const { $schema: _, ...rest } = toJsonSchema(schema, { target: "draft-2020-12" });
  return rest as Record<string, unknown>;
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ "application/json": { schema: ref(name) } });
const binary = { schema: { type: "string", format: "binary" } };

/** Error statuses of a route, besides those that any has. */
function responses(description: string, content: object, errors: Readonly<Record<number, string>> = {}): object {
  const refusals = Object.entries(errors).map((
    [status, why],
  ) => [status, { description: why, content: json("Error") }]);
  return { 200: { description, content }, ...Object.fromEntries(refusals) };
}

const KEY = { 401: "No API key, or an unknown one." };
const WORK = {
  ...KEY,
  400: "The request is not as wanted; `param` names the field.",
  413: "The body or a picture is too large.",
  415: "The body or a picture is of a type that is not supported.",
  429: "Too many requests wait; `Retry-After` says when to come again.",
  503: "The model cannot be loaded, or the service is shutting down.",
  504: "The request took too long.",
};

/** The service's description, made from the schemas that validate. @param secured Whether keys are asked for. */
export function openApiDocument(secured: boolean): object {
  const query = (name: keyof typeof captionOptions.entries) => ({
    ...{ name, in: "query", required: false },
    schema: jsonSchema(captionOptions.entries[name]),
  });
  const caption = {
    "application/json": { schema: ref("CaptionRequest") },
    "multipart/form-data": { schema: ref("CaptionForm") },
    "image/*": binary,
    "application/octet-stream": binary,
  };
  return {
    openapi: "3.1.1",
    info: {
      title: "Loris",
      version: VERSION,
      description: "Small vision-language models: pictures and questions in, text out.",
    },
    ...(secured ? { security: [{ key: [] }] } : {}),
    paths: {
      "/": {
        get: {
          operationId: "page",
          summary: "A page for people: pictures, questions, answers.",
          security: [],
          responses: responses("The page.", { "text/html": { schema: { type: "string" } } }),
        },
      },
      "/v1/chat/completions": {
        post: {
          operationId: "createChatCompletion",
          summary: "Answers a conversation with pictures, as OpenAI's API does.",
          requestBody: { required: true, content: json("ChatRequest") },
          responses: responses("The answer; with `stream`, server-sent events of chunks.", {
            ...json("ChatCompletion"),
            "text/event-stream": { schema: ref("ChatCompletionChunk") },
          }, { ...WORK, 404: "There is no such model." }),
        },
      },
      "/v1/models": {
        get: {
          operationId: "listModels",
          summary: "The model that is served.",
          responses: responses("A list of one.", json("ModelList"), KEY),
        },
      },
      "/v1/models/{id}": {
        get: {
          operationId: "getModel",
          summary: "One model.",
          parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
          responses: responses("The model.", json("Model"), { ...KEY, 404: "There is no such model." }),
        },
      },
      "/caption": {
        post: {
          operationId: "caption",
          summary: "Describes one picture: its bytes, a form with its file, or Workers AI's JSON.",
          description: "The parameters in the query are for a body that is the picture itself.",
          parameters: (Object.keys(captionOptions.entries) as (keyof typeof captionOptions.entries)[]).map(query),
          requestBody: { required: true, content: caption },
          responses: responses("The description.", json("CaptionResponse"), WORK),
        },
      },
      "/health": {
        get: {
          operationId: "health",
          summary: "Whether requests can be answered.",
          security: [],
          responses: {
            ...responses("They can.", json("Health")),
            503: { description: "They cannot.", content: json("Health") },
          },
        },
      },
      "/status": {
        get: {
          operationId: "status",
          summary: "The model: its memory, its lazy plan, what it is.",
          responses: responses("The model as it is now.", json("Status"), KEY),
        },
      },
      "/metrics": {
        get: {
          operationId: "metrics",
          summary: "Counters for Prometheus.",
          responses: responses("Text exposition format.", { "text/plain": { schema: { type: "string" } } }, KEY),
        },
      },
    },
    components: {
      ...(secured ? { securitySchemes: { key: { type: "http", scheme: "bearer" } } } : {}),
      schemas: {
        ChatRequest: jsonSchema(chatRequest),
        ChatCompletion: jsonSchema(chatCompletion),
        ChatCompletionChunk: jsonSchema(chatCompletionChunk),
        CaptionRequest: jsonSchema(captionRequest),
        CaptionForm: jsonSchema(captionForm),
        CaptionResponse: jsonSchema(captionResponse),
        Model: jsonSchema(modelObject),
        ModelList: jsonSchema(modelList),
        Health: jsonSchema(health),
        Status: jsonSchema(status),
        Error: jsonSchema(errorResponse),
      },
    },
  };
}
