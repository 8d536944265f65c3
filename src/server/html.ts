import { createHash } from 'node:crypto';

/** HTML that is already safe. */
export interface Html {
  readonly html: string;
}

type Part = string | Html | readonly Html[];

/** Template tag: every interpolated string is escaped, {@link Html} goes in as it is. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const text = strings.map(
    (string, index) => string + (index < parts.length ? render(parts[index] as Part) : ''),
  );
  return { html: text.join('') };
}

function render(part: Part): string {
  if (Array.isArray(part)) return (part as readonly Html[]).map((one) => one.html).join('');
  if (typeof part === 'object') return (part as Html).html;
  return part
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A whole page in the house style: readable, dark where the reader prefers it, no script. */
export function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${{ html: style }}</style>
</head>
<body><main>${body}</main></body>
</html>`.html;
}

const style = `
:root { --ink: #1b2733; --soft: #526070; --line: #d5dde5; --back: #fff; --panel: #f5f7f9; --link: #0b5cad; --mark: #b3480a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a4b1bd; --line: #35424e; --back: #12181e; --panel: #1a222a; --link: #7db8f5; --mark: #ffb178; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; }
a { color: var(--link); }
.soft { color: var(--soft); }
.notice { border-left: .3rem solid var(--mark); background: var(--panel); padding: .6rem .9rem; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); }
th { width: 38%; font-weight: 600; }
th .soft { font-weight: 400; display: block; font-size: .85rem; }
`;

/** The style of {@link page} as a source of a Content-Security-Policy: by its digest. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;

/** No script, no foreign source; pictures only from this origin. */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src ${styleSource}; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;
