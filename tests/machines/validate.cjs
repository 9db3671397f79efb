// Reads {"name": machine, ...} from standard input, answers {"name": [message, ...], ...}: what asl-validator says of each.
const validate = require(process.argv[2]);
const machines = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const said = {};
for (const [name, machine] of Object.entries(machines)) {
  said[name] = validate(machine).errors.map((error) => error.Message ?? `${error.instancePath} ${error.message}`);
}
console.log(JSON.stringify(said));
