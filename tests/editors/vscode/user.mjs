// A user of VS Code in a browser: what they can see and do, by name. Judges nothing.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './code.mjs';

const DEADLINE_MS = 60_000;
const MENU = '.action-widget .monaco-list-row';
const QUICK = '.quick-input-widget:not([style*="display: none"])';

export class User {
  constructor({ page, code, workspace, out, name }) {
    Object.assign(this, { page, code, workspace, out, name, shots: 0 });
    page.setDefaultTimeout(DEADLINE_MS);
  }

  until(what, condition) {
    return until(what, DEADLINE_MS, condition);
  }

  async openWindow() {
    await this.page.goto(`${this.code.url}?folder=${this.workspace}`);
    await this.page.waitForSelector('.monaco-workbench .part.editor');
    await this.page.waitForSelector('.explorer-folders-view .monaco-list-row');
  }

  /** The server is up when the status bar no longer says otherwise. */
  async waitForServer() {
    await this.page.waitForSelector('[id="stepwright.stepwright.stepwright"]');
    await this.until('the server', () => this.code.servers().length > 0);
  }

  shot(what) {
    // What fades in is shown at its end.
    return this.page.screenshot({ animations: 'disabled', path: join(this.out, `${this.name}-${++this.shots}-${what}.png`) });
  }

  row(file) {
    return this.page.locator('.explorer-folders-view .monaco-list-row').filter({ hasText: new RegExp(`^\\s*${file.replaceAll('.', '\\.')}\\s*$`) });
  }

  /** Double-click in the explorer: quick open loses its Enter now and then. */
  async open(file) {
    const parts = file.split('/');
    for (const folder of parts.slice(0, -1)) await this.row(folder).click();
    await this.row(parts.at(-1)).dblclick();
    await this.page.locator('.tab.active', { hasText: parts.at(-1) }).waitFor();
    await this.page.waitForSelector('.monaco-editor .view-line');
  }

  /** Selects files in the explorer and picks from their menu. */
  async explorerMenu(files, title) {
    await this.row(files[0]).click();
    for (const file of files.slice(1)) await this.row(file).click({ modifiers: ['Control'] });
    await this.row(files.at(-1)).click({ button: 'right' });
    await this.page.locator('.monaco-menu .action-item', { hasText: title }).waitFor();
    await this.shot('explorer-menu');
    await this.page.locator('.monaco-menu .action-item', { hasText: title }).click();
  }

  async goToLine(line) {
    await this.page.locator('.monaco-editor .view-line').first().click();
    await this.page.keyboard.press('Control+g');
    await this.page.waitForSelector(`${QUICK} input`);
    await this.page.keyboard.type(String(line));
    await this.page.keyboard.press('Enter');
    await this.page.locator(QUICK).waitFor({ state: 'hidden' });
  }

  /** The code action menu, asked for again until it holds the action. */
  async menuWith(title) {
    let seen = [];
    return this.until(`\`${title}\` in the menu`, async () => {
      await this.page.locator('.editor-instance .monaco-editor').first().click({ position: { x: 300, y: 5 } }).catch(() => {});
      await this.page.keyboard.press('Control+.');
      await this.page.waitForSelector(MENU, { timeout: 1500 }).catch(() => {});
      const titles = (seen = await texts(this.page.locator(MENU)));
      if (titles.some((text) => text.startsWith(title))) return titles;
      await this.page.keyboard.press('Escape');
      return undefined;
    }).catch((error) => { throw new Error(`${error.message}; there were ${JSON.stringify(seen)}`); });
  }

  /** Keys, not a click: a click lands on the menu's pointer block. */
  async pick(title) {
    const titles = await this.menuWith(title);
    for (let i = 0; i <= titles.length; i++) {
      const [focused = ''] = await texts(this.page.locator(`${MENU}.focused`));
      if (focused.startsWith(title)) return this.page.keyboard.press('Enter');
      await this.page.keyboard.press('ArrowDown');
    }
    throw new Error(`could not reach \`${title}\` in the menu`);
  }

  /** Picks a command; asks again when something else took the focus meanwhile. */
  async palette(command) {
    await this.until(`\`${command}\` in the palette`, async () => {
      await this.page.keyboard.press('F1');
      const input = this.page.locator(`${QUICK} input`).first();
      const filled = await input.fill(`>${command}`, { timeout: 2000 }).then(() => true, () => false);
      // Inside a page of Markdown the key does nothing.
      if (!filled) await this.page.locator('.part.titlebar').click({ position: { x: 300, y: 10 } });
      const row = this.page.locator(`${QUICK} .monaco-list-row`, { hasText: command }).first();
      return filled && row.click({ timeout: 5000 }).then(() => true, () => false);
    });
  }

  /** The choices of a quick pick, once it shows them. */
  async choices(some) {
    await this.page.locator(`${QUICK} .monaco-list-row`, { hasText: some }).first().waitFor();
    return texts(this.page.locator(`${QUICK} .monaco-list-row`));
  }

  async choose(text) {
    await this.choices(text);
    await this.page.locator(`${QUICK} .monaco-list-row`, { hasText: text }).first().click();
  }

  /** Answers the input box with this title. */
  async answer(title, text) {
    await this.page.locator(`${QUICK} .quick-input-title`, { hasText: title }).waitFor();
    await this.page.locator(`${QUICK} input[type="text"], ${QUICK} .quick-input-box input`).first().fill(text);
    await this.shot('input');
    await this.page.keyboard.press('Enter');
    await this.page.locator(QUICK).waitFor({ state: 'hidden' });
  }

  toast(text) {
    return this.page.locator('.notification-toast', { hasText: text }).first();
  }

  async see(text) {
    await this.toast(text).waitFor();
  }

  async press(text, button) {
    // Buttons show when the notification is open, which one with a progress isn't always.
    await this.toast(text).hover();
    await this.toast(text).getByRole('button', { name: button, exact: true }).click();
  }

  async clearToasts() {
    await this.palette('Notifications: Clear All Notifications');
    await this.until('no notifications', async () => (await this.page.locator('.notification-toast').count()) === 0);
  }

  /** The lines of an editor; the DOM holds them in no particular order. */
  async lines(selector = '.editor-instance .monaco-editor') {
    return this.page.locator(`${selector} .view-line`).evaluateAll((nodes) =>
      nodes.sort((a, b) => parseInt(a.style.top) - parseInt(b.style.top)).map((node) => node.innerText.replaceAll('\u00a0', ' ').trimEnd()));
  }

  /** Waits until the editor holds this line. */
  async seeLine(text, selector) {
    let shown = [];
    await this.until(`the line \`${text}\` in the editor`, async () => (shown = await this.lines(selector)).some((line) => line.includes(text)))
      .catch((error) => { throw new Error(`${error.message}; there were ${JSON.stringify(shown)}`); });
    return shown;
  }

  async showRuns() {
    await this.palette('stepwright: Focus on Runs View').catch(() => {});
    await this.page.waitForSelector('[id="workbench.view.extension.stepwright"]');
  }

  runRow(text) {
    return this.page.locator('[id="workbench.view.extension.stepwright"] .monaco-list-row', { hasText: text }).first();
  }

  /** Each as "label description". */
  async runRows() {
    const rows = this.page.locator('[id="workbench.view.extension.stepwright"] .monaco-list-row .monaco-icon-label-container');
    return rows.evaluateAll((nodes) => nodes.map((node) =>
      [...node.querySelectorAll('.label-name, .label-description')].map((part) => part.innerText.replaceAll('\u00a0', ' ').trim()).join(' ')));
  }

  /** An action beside a row of the view. */
  async runAction(row, title) {
    await this.runRow(row).hover();
    await this.runRow(row).getByRole('button', { name: title }).click();
  }

  async status() {
    return (await texts(this.page.locator('[id="stepwright.stepwright.stepwright"]')))[0] ?? '';
  }

  async tabs() {
    return texts(this.page.locator('.tabs-container .tab'));
  }

  async tab(name) {
    await this.page.locator('.tabs-container .tab', { hasText: name }).click();
    await this.page.locator('.tab.active', { hasText: name }).waitFor();
  }

  isDirty(tab) {
    return this.page.locator('.tabs-container .tab.dirty', { hasText: tab }).count().then((count) => count > 0);
  }

  async saveAll() {
    // A file that was edited a moment ago may become unsaved only after the first time.
    await this.until('no unsaved tab', async () => {
      await this.palette('File: Save All');
      return (await this.page.locator('.tabs-container .tab.dirty').count()) === 0;
    });
  }

  /** A file of the workspace on disk. */
  disk(file) {
    const path = join(this.workspace, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }
}

async function texts(locator) {
  return (await locator.allInnerTexts()).map((text) => text.replaceAll('\u00a0', ' ').replace(/\s*\n\s*/g, ' ').trim());
}
