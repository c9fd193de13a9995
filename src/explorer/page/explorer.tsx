/** The explorer: GraphiQL with a session and the examples. */
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { Account } from "./account.jsx";
import { EXAMPLES_PLUGIN, FIRST_EXAMPLES, HAS_ROOM_FOR_EXAMPLES } from "./examples.jsx";
import { storageWithoutSecrets } from "./storage.js";
import { runInSession } from "./subscriptions.js";

const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];

export const Explorer = () => (
  <GraphiQL
    fetcher={runInSession}
    storage={storageWithoutSecrets}
    plugins={PLUGINS}
    visiblePlugin={HAS_ROOM_FOR_EXAMPLES ? EXAMPLES_PLUGIN : undefined}
    defaultTabs={FIRST_EXAMPLES}
    defaultEditorToolsVisibility="variables"
    // A header may hold a token.
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>
      <Account />
    </GraphiQL.Logo>
  </GraphiQL>
);
