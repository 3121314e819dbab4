// fauxqs on the loopback interface. Tells its endpoint in one line, and ends once its standard input ends, with whoever
// started it. (Its own command line listens on every interface.)
import { buildApp } from "fauxqs";

const [region] = process.argv.slice(2);
const app = buildApp({ logger: false, defaultRegion: region });
console.log(await app.listen({ host: "127.0.0.1", port: 0 }));
process.stdin.on("end", () => process.exit()).resume();
