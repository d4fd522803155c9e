// What the pages' HTML components start: the masthead of every page, the stage with the race, lessons, the fleet, the history.

import { ExplorePage } from "./explore/page.js";
import { FleetPage } from "./fleet/page.js";
import { LearnPage } from "./learn/page.js";
import { Masthead } from "./masthead.js";
import { Stage } from "./stage.js";

/**
 * @param {object} props which page it is, and what the server says of the profile
 * @param switched tells the server that the page is of another profile, and which race is asked for
 */
export function mountMasthead(element, props, switched) {
  element.dataset.mounted ||= (new Masthead(element.querySelector(".ll-masthead"), props, switched), "yes");
}

export function mountFleet(element) {
  element.dataset.mounted ||= (new FleetPage(element.querySelector(".ll-fleet")), "yes");
}

export function mountExplore(element) {
  element.dataset.mounted ||= (new ExplorePage(element.querySelector(".ll-explore")), "yes");
}

export function mountLearn(element) {
  element.dataset.mounted ||= (new LearnPage(element.querySelector(".ll-learn")), "yes");
}

let stage = null;

/**
 * @param watch Gradio's: calls back when the server sets a prop
 * @param tell raises an event at the server
 */
export function mountStage(element, props, watch, tell) {
  stage = new Stage(element.querySelector(".ll-stage"), tell);
  watch("value", () => stage.receive(props.value));
  stage.receive(props.value);
}

/** To be awaited before a run is asked for: a countdown may come first. */
export const ready = () => stage?.ready();
