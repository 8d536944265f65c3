import { makeTemplate } from './embedded.ts';

/** Part of the build: `node dist/src/store/make-template.js`. Does nothing when the template is there. */
await makeTemplate();
