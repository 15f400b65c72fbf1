import type { ServeStatus } from '../serve/serve.ts';

/** Takes a value: a counter where the name ends in `_total`, else a gauge. */
export type PutMetric = (name: string, help: string, labels: Record<string, string>, value: number) => void;

/** What a unit serves as an iSCSI target. */
export function serveMetrics(serve: ServeStatus, put: PutMetric): void {
  const { sessions, connections, bytes, luns, absent } = serve;
  put('tapmirror_serve_connections', 'Connections of hosts.', {}, connections);
  put('tapmirror_serve_sessions', 'Sessions of hosts.', {}, sessions.length);
  put('tapmirror_serve_data_bytes', 'Data of commands under way.', {}, bytes);
  put('tapmirror_serve_absent', 'Logical units whose medium cannot be reached.', {}, absent.length);
  for (const one of luns) {
    const labels = { target: one.target, lun: String(one.lun) };
    put('tapmirror_serve_capacity_bytes', 'Of a logical unit.', labels, one.bytes);
    put('tapmirror_serve_writable', 'Whether hosts can write to it.', labels, Number(one.writable));
    put('tapmirror_serve_dirty_bytes', 'What a power loss would take.', labels, one.dirtyBytes);
    put('tapmirror_serve_reserved', 'Whether a host holds a reservation.', labels, Number(one.reserved ?? false));
    put('tapmirror_serve_tasks', 'Commands under way.', labels, one.tasks ?? 0);
    put('tapmirror_serve_reads_total', 'Reads at the medium.', labels, one.reads);
    put('tapmirror_serve_read_bytes_total', 'What they read.', labels, one.readBytes);
    put('tapmirror_serve_writes_total', 'Writes at the medium.', labels, one.writes);
    put('tapmirror_serve_written_bytes_total', 'What they wrote.', labels, one.writtenBytes);
    put('tapmirror_serve_unmapped_bytes_total', 'What hosts unmapped.', labels, one.unmappedBytes);
    put('tapmirror_serve_flushes_total', 'Flushes of the medium.', labels, one.flushes);
  }
}
