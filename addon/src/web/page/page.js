// While the agent is not connected, looks every two seconds whether it is. Without scripts, the page loads itself anew.
const look = async () => {
  try {
    const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ["agent", "connections"]) {
        const [now, then] = [page.getElementById(id), document.getElementById(id)];
        if (now && then && now.innerHTML !== then.innerHTML) then.replaceWith(now);
      }
    }
  } catch {
    // The provider does not answer. It may the next time.
  }
  if (document.querySelector("#agent[data-waiting]")) setTimeout(look, 2000);
};
if (location.pathname.startsWith("/resources/") && document.querySelector("#agent[data-waiting]")) setTimeout(look, 2000);
