import type { CodegenConfig } from "@graphql-codegen/cli";

// `node` answers any type, so the generated types keep `__typename` out unless an operation asks for it.
const shared = {
  scalars: {
    DateTime: "string",
    ID: "string",
    JSON: "unknown",
    Long: "number | string",
    Upload: "File | Blob",
  },
  strictScalars: true,
  useTypeImports: true,
  skipTypename: true,
  immutableTypes: true,
  enumType: "string-literal",
};

const plugins = ["typescript-operations", "typed-document-node"];

const config: CodegenConfig = {
  schema: "../schema/schema.graphql",
  documents: "../schema/operations/*.graphql",
  generates: {
    // Documents as strings: a client of its own needs no GraphQL library at run time.
    "web/src/generated/operations.ts": { plugins, config: { ...shared, documentMode: "string" } },
    // Documents as syntax trees, for Apollo Client and urql.
    "clients/src/generated/operations.ts": { plugins, config: shared },
    // Which types an interface stands for: Apollo's cache drops `... on StreamEvent` when it cannot tell.
    "clients/src/generated/possible-types.ts": { plugins: ["fragment-matcher"], config: { useExplicitTyping: false } },
  },
};

export default config;
