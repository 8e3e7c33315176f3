// While the agent is not connected, looks every two seconds whether it is. Without scripts, the page loads itself anew.
const home = location.pathname.replace(/\/rotate$/, "");
const isWaiting = () => document.querySelector("#agent[data-waiting]");
const look = async () => {
  try {
    const answer = await fetch(home, { headers: { accept: "text/html" } });
    if (answer.status === 403 || answer.status === 404) return; // The session is over, or the add-on is gone.
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ["agent", "connections"]) {
        const [now, then] = [page.getElementById(id), document.getElementById(id)];
        if (now && then && now.innerHTML !== then.innerHTML) {
          // The element itself stays: what changes is read aloud only within one that was there before.
          then.replaceChildren(...now.childNodes);
          then.toggleAttribute("data-waiting", now.hasAttribute("data-waiting"));
        }
      }
    }
  } catch {
    // The provider does not answer. It may the next time.
  }
  if (isWaiting()) setTimeout(look, 2000);
};
if (home.startsWith("/resources/") && isWaiting()) setTimeout(look, 2000);
