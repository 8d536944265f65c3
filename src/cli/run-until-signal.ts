import { exitCodes, fail, say } from './terminal.ts';

interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Starts something and stops it in order at SIGTERM or SIGINT; a second signal ends the process at once.
 *
 * @returns the exit code
 */
export async function runUntilSignal(start: () => Promise<Stoppable>): Promise<number> {
  let running: Stoppable;
  const signal = nextSignal();
  try {
    running = await start();
  } catch (error) {
    return fail(error);
  }
  say(`stopping: ${await signal}`);
  void nextSignal().then(() => process.exit(exitCodes.failed));
  await running.stop();
  return exitCodes.fine;
}

/** `step`; when it fails, what was started is stopped first: its threads would keep the process alive. */
export async function stoppedOnFailure<Result>(
  started: Stoppable,
  step: () => Promise<Result>,
): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    await started.stop();
    throw error;
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const names = ['SIGTERM', 'SIGINT'] as const;
    const caught = (name: NodeJS.Signals): void => {
      for (const one of names) process.off(one, caught);
      resolve(name);
    };
    for (const name of names) process.on(name, caught);
  });
}
