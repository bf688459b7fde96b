export const about = 'The start: how long activation takes, the walkthrough, the settings';

export const files = { 'store.py': 'LIMIT = 3\n' };

export async function play({ user }) {
  await user.openWindow();
  await user.waitForServer();
  await user.palette('Developer: Show Running Extensions');
  const row = user.page.locator('.runtime-extensions-editor .monaco-list-row, .runtime-extensions-editor .extension', { hasText: 'stepwright' }).first();
  await row.waitFor();
  const time = await user.until('the activation time', async () => /Activation: (\d+)ms/.exec(await row.innerText())?.[1]);
  await user.shot('activation');
  // Told, not judged: how fast depends on what else the machine does.
  console.log(`     activation: ${time} ms`);
  await user.palette('stepwright: Get Started');
  await user.page.getByText('Get started with stepwright').first().waitFor();
  for (const step of ['Give it a model', 'Run a workflow', 'One instruction, many files', 'Keep, compare, take back']) {
    await user.page.locator('.step-title, .getting-started-step', { hasText: step }).first().click();
  }
  await user.shot('walkthrough');
  await user.palette('Preferences: Open Settings (UI)');
  await user.page.locator('.settings-header .suggest-input-container').click();
  await user.page.keyboard.type('@ext:stepwright.stepwright');
  await user.page.locator('.setting-item-category', { hasText: 'Limits' }).first().waitFor();
  await user.shot('settings');
}
