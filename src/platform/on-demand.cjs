// Zod, evaluated by the first call that needs it. An `import` would do it when the Worker starts, half of that time; a `require` in
// CommonJS is the one form that the bundler leaves until it is called, and that needs no await.

exports.loadZod = () => require("./zod-parts.mjs");
