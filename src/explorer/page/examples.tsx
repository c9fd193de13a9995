/** The examples of the schema's folder, which the build puts into the page: a panel lists them and opens each as a tab. */
import { type GraphiQLPlugin, pick, StarIcon, useGraphiQL, useGraphiQLActions } from "@graphiql/react";

/** There is room for this panel beside the editors: in narrow windows it covers them. */
export const HAS_ROOM_FOR_EXAMPLES = matchMedia("(min-width: 48.01rem)").matches;

interface Example {
  /** The name of its operation, which is the title of its tab. */
  readonly name: string;
  readonly purpose: string;
  /** The roles that may run it, as a text. */
  readonly who: string;
  readonly query: string;
  readonly variables: string;
}

/** What an example says about itself in its first lines. */
const HEAD = /^# (.+)\n# Who: (.+)\n# variables: (\{.*\})\n/;

function exampleOf(text: string): Example {
  const [head = "", purpose = "", who = "", variables = "{}"] = HEAD.exec(text) ?? [];
  return {
    name: /^(?:query|mutation) (\w+)/m.exec(text)?.[1] ?? "",
    purpose,
    who,
    query: `# ${purpose}\n${text.slice(head.length)}`,
    variables: variables === "{}" ? "" : JSON.stringify(JSON.parse(variables), null, 2),
  };
}

const EXAMPLES = Object.values(
  import.meta.glob<string>("../../../schema/examples/*.graphql", { query: "?raw", import: "default", eager: true }),
).map(exampleOf);

/** The tab of a first visit. It needs no variables, which GraphiQL would not show yet. */
export const FIRST_EXAMPLES = EXAMPLES.filter(({ name }) => name === "WhoAmI");

function ExamplesPanel() {
  const { addTab, changeTab, setVisiblePlugin } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
    pick("tabs", "activeTabIndex", "queryEditor", "variableEditor"),
  );
  function open({ name, query, variables }: Example) {
    if (!HAS_ROOM_FOR_EXAMPLES) setVisiblePlugin(null);
    const index = tabs.findIndex(({ title }) => title === name);
    if (index >= 0) return changeTab(index);
    addTab();
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
  }
  return (
    <section className="examples" aria-label="Examples">
      <h2>Examples</h2>
      <ul>
        {EXAMPLES.map((example) => (
          <li key={example.name}>
            <button
              type="button"
              aria-current={tabs[activeTabIndex]?.title === example.name}
              onClick={() => open(example)}
            >
              <strong>{example.name}</strong>
              <span>{example.purpose}</span>
              <small>{example.who}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: StarIcon, content: ExamplesPanel };
