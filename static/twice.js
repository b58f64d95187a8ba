// A button that asks once more before it does what cannot be undone: in its own words, for as long as one needs to read.

const SECONDS = 8;

/** Do `work` when the button is pressed twice; in between it says `sure`, and `asked` is called. */
export function twice(button, sure, work, asked = () => {}) {
  const usual = button.textContent;
  let timer = 0;
  const reset = () => {
    clearTimeout(timer);
    button.classList.remove("sure");
    button.textContent = usual;
  };
  button.addEventListener("click", async () => {
    if (button.classList.contains("sure")) {
      clearTimeout(timer);
      return void (await work(reset));
    }
    button.classList.add("sure");
    button.textContent = sure;
    asked();
    timer = setTimeout(reset, SECONDS * 1000);
  });
}
