// The small server that Node's cluster runs in the benchmarks: hello.js PORT WORKERS. NODE_CLUSTER_SCHED_POLICY says
// how the workers share the port.
const cluster = require('cluster');
const [port, workers] = process.argv.slice(2).map(Number);
if (cluster.isPrimary) {
  let listening = 0;
  cluster.on('listening', () => { if (++listening === workers) console.log('ready'); });
  for (let i = 0; i < workers; i++) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  const used = () => { const u = process.cpuUsage(); return u.user + u.system; };
  require('http').createServer((request, response) => {
    if (request.url === '/burn') for (const end = used() + 20000; used() < end;);
    response.end('hello world\n');
  }).listen(port, '127.0.0.1', 511);
}
