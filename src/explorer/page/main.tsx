/** Starts the explorer in the browser. */
import EditorWorker from "monaco-editor/esm/vs/editor/editor.worker.js?worker";
import JsonWorker from "monaco-editor/esm/vs/language/json/json.worker.js?worker";
import GraphqlWorker from "monaco-graphql/esm/graphql.worker.js?worker";
import { createRoot } from "react-dom/client";
import { Explorer } from "./explorer.jsx";

// Monaco would look for its workers at addresses that do not exist here.
self.MonacoEnvironment = {
  getWorker(_id, label) {
    if (label === "graphql") return new GraphqlWorker();
    return label === "json" ? new JsonWorker() : new EditorWorker();
  },
};

const root = document.getElementById("root");
if (root) createRoot(root).render(<Explorer />);
