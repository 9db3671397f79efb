// Reads {"name": machine, ...} from standard input, answers {"name": [message, ...], ...}: what asl-validator says of each.
const ajv = require(require.resolve("ajv", { paths: [process.argv[2]] }));
const Ajv = ajv.default;
let compiled; // asl-validator compiles its schemas for each machine anew, which takes 50 ms: here it is done once
ajv.default = function (options) {
  if (compiled) {
    compiled.addKeyword = () => compiled; // the plugins are asked again for what they have added
    return compiled;
  }
  return (compiled = new Ajv(options));
};
const validate = require(process.argv[2]);
const machines = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const said = {};
for (const [name, machine] of Object.entries(machines)) {
  said[name] = validate(machine).errors.map((error) => error.Message ?? `${error.instancePath} ${error.message}`);
}
console.log(JSON.stringify(said));
