/**
 * restic asks whether the holder of a lock lives by sending it SIGHUP (its design document, "Locks"), and Node's answer to that signal
 * is to die. So a process that holds a lock ignores it, as restic does.
 */
let holders = 0;

export function ignoreHangup(): void {
  holders += 1;
  if (holders === 1) process.on('SIGHUP', ignore);
}

export function stopIgnoringHangup(): void {
  holders -= 1;
  if (holders === 0) process.off('SIGHUP', ignore);
}

function ignore(): void {}
