import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';
import { templateFolder } from './template.ts';

/** Part of the build: `node dist/src/store/make-template.js`. Does nothing when the template is there. */
const template = templateFolder();
if (!existsSync(template)) {
  const draft = `${template}.${randomUUID()}`;
  try {
    const database = await openDatabase({ folder: draft });
    await migrate(database);
    await database.close();
    await rename(path.join(draft, 'database'), template);
    // Those of other versions are of no use any more.
    for (const name of await readdir(path.dirname(template)))
      if (name !== path.basename(template))
        await rm(path.join(path.dirname(template), name), { recursive: true, force: true });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
