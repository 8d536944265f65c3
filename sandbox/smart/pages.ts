import type { SandboxCase } from '../case-file.ts';
import { nameOf } from '../fhir-records.ts';
import type { SandboxUser } from './users.ts';

/** HTML that is already safe. */
interface Html {
  readonly html: string;
}

type Part = string | Html | readonly Html[];

/** Template tag: every interpolated string is escaped. */
function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const text = strings.map((string, index) => {
    const part = parts[index];
    return part === undefined ? string : string + rendered(part);
  });
  return { html: text.join('') };
}

function rendered(part: Part): string {
  if (typeof part === 'string')
    return part.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return 'html' in part ? part.html : part.map(({ html: one }) => one).join('');
}

/** A page of the sign-in with the headers that go with it. */
export interface Page {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * @param style path of {@link signInStyle}
 * @param target origin to which the form's answer leads on, beside this one
 * @param framed whether the page may stand in a frame
 */
function pageOf(
  title: string,
  content: Html,
  { style, target, framed }: { readonly style: string; readonly target?: string; readonly framed?: boolean },
): Page {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} – sandbox EHR</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
</head>
<body>
<header><p class="brand">Sandbox EHR</p><p class="soft"><strong>Demonstration.</strong> Invented patients. Not a medical record.</p></header>
<main><h1>${title}</h1>${content}</main>
</body>
</html>`;
  const ancestors = framed === true ? '' : "; frame-ancestors 'none'";
  return {
    body: page.html,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'${target === undefined ? '' : ` ${target}`}${ancestors}`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  };
}

/** First stop of a standalone launch: there are no passwords here. */
export function userPage(style: string, client: string, users: readonly SandboxUser[]): Page {
  const choices = users.map(
    ({ id, name, role }) =>
      html`<li><button name="user" value="${id}"><span>${name}</span><span class="soft">${role}</span></button></li>`,
  );
  const content = html`<p>${client} asks for access to this EHR. Who are you?</p>
<form method="get"><ul class="choices">${choices}</ul></form>`;
  return pageOf('Sign in', content, { style });
}

/** Second stop, where the app needs one patient. */
export function patientPage(
  style: string,
  client: string,
  user: SandboxUser,
  cases: readonly SandboxCase[],
): Page {
  const choices = cases.map(
    ({ patient, title }) =>
      html`<li><button name="patient" value="${patient.id}"><span>${nameOf(patient)}</span><span class="soft">born ${plainDate(patient.birthDate)}, record no. ${patient.mrn}</span><span class="soft">${title}</span></button></li>`,
  );
  const content = html`<p>${client} opens on one patient’s record. You are ${user.name}. <a href="?">Somebody else?</a></p>
<form method="get"><input type="hidden" name="user" value="${user.id}"><ul class="choices">${choices}</ul></form>`;
  return pageOf('Choose a patient', content, { style });
}

/** Last stop: what the app may do. @param target origin of the app's redirect URI */
export function consentPage(asked: {
  readonly style: string;
  readonly client: string;
  readonly user: SandboxUser;
  readonly patient: SandboxCase | null;
  readonly scopes: readonly string[];
  readonly target: string;
}): Page {
  const { style, client, user, patient, scopes, target } = asked;
  const rights = scopes.map((scope) => html`<li><span>${wordsOf(scope)}</span> <code>${scope}</code></li>`);
  const who =
    patient === null ? html`` : html`<div><dt>Patient</dt><dd>${nameOf(patient.patient)}</dd></div>`;
  const hidden =
    patient === null ? html`` : html`<input type="hidden" name="patient" value="${patient.patient.id}">`;
  const content = html`<dl><div><dt>App</dt><dd>${client}</dd></div><div><dt>You</dt><dd>${user.name}, ${user.role.toLowerCase()}</dd></div>${who}</dl>
<h2>It may</h2>
<ul class="rights">${rights}</ul>
<form method="post"><input type="hidden" name="user" value="${user.id}">${hidden}
<div class="buttons"><button class="primary" name="decision" value="allow">Allow</button><button name="decision" value="deny">Do not allow</button><a href="?">Start again</a></div></form>`;
  return pageOf(`Allow ${client}?`, content, { style, target });
}

/** Where a request cannot be answered to the app. It may stand in a frame: there is nothing to click. */
export function errorPage(style: string, why: string): Page {
  const content = html`<p>${why.charAt(0).toUpperCase() + why.slice(1)}</p><p class="soft">Open the app again from the chart.</p>`;
  return pageOf('The app could not be opened', content, { style, framed: true });
}

const plainWords: Readonly<Record<string, string>> = {
  openid: 'Know who you are',
  fhirUser: 'Read your own entry in the staff list',
  profile: 'Know your name',
  launch: 'Know the open chart',
  'launch/patient': 'Know which patient you chose',
  'launch/encounter': 'Know the open visit',
  online_access: 'Stay connected while you are signed in',
  offline_access: 'Stay connected after you leave',
};

const types: Readonly<Record<string, string>> = {
  '*': 'whole record',
  Condition: 'problems',
  DiagnosticReport: 'reports',
  Encounter: 'visits',
  Endpoint: 'image archives',
  ImagingStudy: 'imaging studies and pictures',
  Patient: 'name, birth date and record number',
  Practitioner: 'clinicians',
  ServiceRequest: 'orders',
};

function wordsOf(scope: string): string {
  const [, context, type = ''] = /^(patient|user)\/([^.]+)/.exec(scope) ?? [];
  const what = types[type] ?? type;
  if (context === 'patient') return `Read this patient’s ${what}`;
  if (context === 'user') return `Read the ${what} of every patient whom you may see`;
  return plainWords[scope] ?? scope;
}

/** A FHIR date as `3 Nov 2026`. */
function plainDate(date: string): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(date));
}

/** Path of the style sheet as the browser sees it. @param issuer address of the authorization server */
export function stylePathOf(issuer: string): string {
  return `${new URL(issuer).pathname}/sign-in.css`;
}

/** The look of the sign-in: that of the chart page. */
export const signInStyle = `
:root { color-scheme: light dark; --ground: #f3f5f6; --surface: #fff; --line: #d9e0e2; --strong: #84939a; --ink: #16262b; --soft: #50636a; --accent: #0f5f66; --on-accent: #fff; --wash: #e3f1f1; --focus: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f1618; --surface: #172124; --line: #2c3a3f; --strong: #6f8189; --ink: #e4ecee; --soft: #a3b4ba; --accent: #6cc5cb; --on-accent: #06272a; --wash: #1b3539; --focus: #7cb8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 "Inter Variable", system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 2px 20px; padding: 10px 20px; border-bottom: 1px solid var(--line); background: var(--surface); }
header p { margin: 0; }
header .soft { font-size: 13.5px; }
.brand { font-weight: 650; }
main { max-width: 560px; margin: 28px auto; padding: 0 16px; }
h1 { margin: 0 0 8px; font-size: 22px; line-height: 1.3; overflow-wrap: anywhere; }
h2 { margin: 20px 0 6px; font-size: 15px; }
p { margin: 0 0 14px; }
a { color: var(--accent); text-underline-offset: 2px; }
.soft, dt { color: var(--soft); }
ul { margin: 0; padding: 0; list-style: none; }
.choices { display: grid; gap: 8px; }
button { padding: 8px 16px; border: 1px solid var(--strong); border-radius: 6px; background: var(--surface); color: inherit; font: inherit; font-weight: 550; cursor: pointer; }
button:hover { background: var(--wash); }
.choices button { display: grid; width: 100%; padding: 10px 14px; text-align: left; }
.choices .soft { font-size: 13.5px; font-weight: 400; }
.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
.primary:hover { background: var(--accent); text-decoration: underline; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
dl { display: grid; gap: 4px; margin: 0; }
dl div { display: flex; gap: 10px; }
dt { flex: 0 0 64px; }
dd { margin: 0; overflow-wrap: anywhere; }
.rights { padding: 4px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--surface); }
.rights li { display: grid; padding: 6px 0; line-height: 1.4; }
.rights li + li { border-top: 1px solid var(--line); }
code { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.buttons { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 14px; margin: 18px 0; }
`;
