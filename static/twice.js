// A button that asks once more before it does what cannot be undone: in its own words, for as long as one needs to read.
// A double click, or a key that is held, is one press.

const SECONDS = 8;
const READ_MS = 600; // so long nothing is a second press

/** Do `work` when the button is pressed twice; in between it says `sure`, and `asked` is called. "data-armed": it counts now. */
export function twice(button, sure, work, asked = () => {}) {
  const usual = button.textContent;
  let timers = [];
  let pressed = 0;
  const reset = () => {
    timers.forEach(clearTimeout);
    button.classList.remove("sure");
    delete button.dataset.armed;
    button.textContent = usual;
  };
  button.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
  button.addEventListener("click", async ({ timeStamp }) => {
    if (button.classList.contains("sure")) {
      if (timeStamp - pressed < READ_MS) return;
      timers.forEach(clearTimeout);
      return void (await work(reset));
    }
    pressed = timeStamp;
    button.classList.add("sure");
    button.textContent = sure;
    asked();
    timers = [setTimeout(() => (button.dataset.armed = ""), READ_MS + 50), setTimeout(reset, SECONDS * 1000)];
  });
}
