import ts from 'typescript';

const words: ReadonlySet<string> = new Set(['it', 'test', 'describe']);
/** Members of `it` and `describe` that still run what they are given. */
const running: ReadonlySet<string> = new Set(['each', 'concurrent', 'sequential']);

/** What is not run, with all that is in it. */
const skipped = /^(?:it|test|describe)\.(?:\w+\.)*(?:skip|todo)\b/;

/**
 * The titles of a test file, as they stand in its code: the first argument of `it`, `test` and `describe`, and of
 * `each` the first column of its table (or its `name`) where the title has a place for it. No other string counts,
 * and none of a test that is skipped or only planned.
 */
export function titlesOf(code: string, fileName = 'code.test.ts'): string[] {
  const file = ts.createSourceFile(fileName, code, ts.ScriptTarget.Latest, true);
  const constants = new Map<string, ts.Expression>();
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined)
      constants.set(node.name.text, node.initializer);
    if (ts.isCallExpression(node) && skipped.test(node.expression.getText(file))) return;
    if (ts.isCallExpression(node)) titles.push(...titlesOfCall(node, constants));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return titles;
}

function titlesOfCall(call: ts.CallExpression, constants: ReadonlyMap<string, ts.Expression>): string[] {
  const table = ts.isCallExpression(call.expression) ? call.expression : null;
  if (!runs(table === null ? call.expression : table.expression, table !== null)) return [];
  const title = textOf(call.arguments[0]);
  if (title === null) return [];
  const rows = table === null || !/[%$]/.test(title) ? [] : rowsOf(table.arguments[0], constants);
  return [title, ...rows.flatMap((row) => nameOf(row) ?? [])];
}

/** Whether `callee` is `it`, `test` or `describe`, alone or with members that run; with a table its last one is `each`. */
function runs(callee: ts.Expression, hasTable: boolean): boolean {
  if (ts.isIdentifier(callee)) return words.has(callee.text) && !hasTable;
  if (!ts.isPropertyAccessExpression(callee)) return false;
  const { name, expression } = callee;
  return running.has(name.text) && (name.text === 'each') === hasTable && runs(expression, false);
}

function rowsOf(
  table: ts.Expression | undefined,
  constants: ReadonlyMap<string, ts.Expression>,
): readonly ts.Expression[] {
  if (table === undefined) return [];
  if (ts.isIdentifier(table)) return rowsOf(constants.get(table.text), constants);
  if (ts.isAsExpression(table) || ts.isSatisfiesExpression(table)) return rowsOf(table.expression, constants);
  return ts.isArrayLiteralExpression(table) ? table.elements : [];
}

function nameOf(row: ts.Expression): string | null {
  if (ts.isArrayLiteralExpression(row)) return textOf(row.elements[0]);
  if (!ts.isObjectLiteralExpression(row)) return textOf(row);
  const name = row.properties.find((one) => one.name !== undefined && one.name.getText() === 'name');
  return name !== undefined && ts.isPropertyAssignment(name) ? textOf(name.initializer) : null;
}

/** A string as it is written; of a template its fixed parts. */
function textOf(node: ts.Expression | undefined): string | null {
  if (node === undefined) return null;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return null;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('…');
}
