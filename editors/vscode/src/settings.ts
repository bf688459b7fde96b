/** The settings that the user made, in the form that the server reads. What nobody set isn't sent: VS Code would make up values. */

/** Of the extension itself; the server needs none of these. */
const OWN = /^stepwright\.(server|trace)\./;

export interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
  workspaceFolderValue?: unknown;
}

/** `keys` are full names, such as `stepwright.limits.concurrency`. */
export function explicit(keys: string[], inspect: (key: string) => Inspected | undefined): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const key of keys.filter((key) => !OWN.test(key))) {
    const { workspaceFolderValue, workspaceValue, globalValue } = inspect(key) ?? {};
    const set = [workspaceFolderValue, workspaceValue, globalValue].find((value) => value !== undefined);
    // What the settings editor leaves behind when a field is cleared.
    if (set !== undefined && set !== null && set !== '') put(settings, key.split('.').slice(1), set);
  }
  return settings;
}

function put(into: Record<string, unknown>, [first, ...rest]: string[], value: unknown): void {
  if (first === undefined) return;
  if (rest.length === 0) {
    into[first] = value;
    return;
  }
  const inner = (into[first] ??= {}) as Record<string, unknown>;
  put(inner, rest, value);
}
