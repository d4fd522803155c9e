// What the page's HTML components start: the masthead with the fleet, and the stage with the race.

import { Masthead } from "./masthead.js";
import { Stage } from "./stage.js";

/** @param {object} props what the server says of the profile */
export function mountMasthead(element, props) {
  element.dataset.mounted ||= (new Masthead(element.querySelector(".ll-masthead"), props.profile), "yes");
}

/**
 * @param watch Gradio's: calls back when the server sets a prop
 * @param tell raises an event at the server
 */
export function mountStage(element, props, watch, tell) {
  const stage = new Stage(element.querySelector(".ll-stage"), tell);
  watch("value", () => stage.receive(props.value));
  stage.receive(props.value);
}
