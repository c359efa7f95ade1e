// The console's entry: the theme before the first paint, then the screens.

import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./shell/theme.ts";

applyTheme();
const place = document.getElementById("app");
if (place === null) throw new Error("the page has no place for the console");
render(<App />, place);
