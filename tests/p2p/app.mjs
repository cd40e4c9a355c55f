// What the tests do on the pages of the app, in any browser.
import { until } from '../lib/wait.mjs';

const words = (page) => page.evaluate(() => document.body.innerText.slice(0, 800));

/** Presses the button that says this, as soon as it is there. */
export const press = (page, label) => until(`the button "${label}"`, () => page.evaluate(pressed, label), { describe: () => words(page) });

function pressed(label) {
  const button = [...document.querySelectorAll('button')].find((it) => it.textContent.trim() === label && !it.disabled);
  button?.click();
  return button !== undefined;
}

/** Types into the field with this label, as soon as it is there. */
export const type = (page, label, text) => until(`the field "${label}"`, () => page.evaluate(typed, [label, text]), { describe: () => words(page) });

function typed([label, text]) {
  const field = [...document.querySelectorAll('label')].find((it) => it.textContent.trim() === label)?.control;
  if (!field) return false;
  // React overwrites the setter of the element and would not notice.
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
  return field.dispatchEvent(new Event('input', { bubbles: true }));
}

/** The text of an element, as soon as it is there and says something that fits. */
export const read = (page, selector, fits = /^/) =>
  until(
    `${selector} with ${fits}`,
    async () => {
      const text = await page.evaluate((it) => document.querySelector(it)?.textContent, selector);
      return text !== undefined && fits.test(text) && { text };
    },
    { timeoutMs: 20_000, describe: () => words(page) },
  ).then(({ text }) => text);

/** Makes ready to go into a room, with camera and microphone. */
export async function prepare(page, name) {
  await type(page, 'Your name', name);
  const devices = async () => {
    if ((await words(page)).includes('With your microphone and camera on.')) return true;
    await page.evaluate(pressed, 'Use camera and microphone');
    return false;
  };
  await until('camera and microphone', devices, { describe: () => words(page) });
}

/** Goes in. */
export async function join(page) {
  await press(page, 'Join the meeting');
  await read(page, '[data-testid=meeting][data-status=connected]');
}
