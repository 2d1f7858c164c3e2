// Runs PHP 8.1 as the `php` command line would run: `node run.mjs FOLDER[,FOLDER…] ARGUMENT…`. It sees
// the named folders of this machine, works in the first, and starts no other programs.
import { loadPHPRuntime, PHP, __private__dont__use } from "@php-wasm/universal";
import { getPHPLoaderModule } from "@php-wasm/node-8-1";

const [folders, ...given] = process.argv.slice(2);
const php = new PHP(await loadPHPRuntime(await getPHPLoaderModule(), {}));
const { FS } = php[__private__dont__use];
for (const folder of folders.split(",")) {
  php.mkdir(folder);
  FS.mount(FS.filesystems.NODEFS, { root: folder }, folder);
}
php.chdir(folders.split(",")[0]);
const settings = {
  include_path: ".:/usr/share/php",
  memory_limit: "1G",
  // They need a system below them, or a network: whoever calls them is told that they are not there.
  disable_functions: "exec,passthru,popen,proc_open,shell_exec,stream_socket_client,system",
};
const options = Object.entries(settings).flatMap(([name, value]) => ["-d", `${name}=${value}`]);
const answer = await php.cli(["php", ...options, ...given]);
const into = (stream) => new WritableStream({ write: (piece) => void stream.write(piece) });
await Promise.all([answer.stdout.pipeTo(into(process.stdout)), answer.stderr.pipeTo(into(process.stderr))]);
process.exitCode = await answer.exitCode;
