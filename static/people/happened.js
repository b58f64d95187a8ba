// What a line of the audit log says, as a sentence; one entry a kind. Knows no page.

import { h } from "../kit.js";
import { named } from "./parts.js";

const VIA = { token: "a token", proxy: "somebody by the proxy", alone: "whoever sits here", command: "a command", server: "the server", stranger: "somebody" };

/** Who did it. */
export function who({ who: name, via }) {
  if (!name) return h("span", { class: "hint" }, VIA[via] ?? "somebody who is gone");
  return via === "token" ? ["token ", named(name)] : named(name);
}

/** What was done. */
export function happened(line) {
  return (SAYS[line.kind] ?? plainly)(line.what, line.about ? named(line.about) : "somebody who is gone", line);
}

const short = (id) => String(id).slice(0, 8);
const times = (count, one, many) => `${count} ${count === 1 ? one : many}`;
const BY = { password: "by password", provider: "by the provider", link: "by a link", proxy: "by the proxy", study: "by the link of a study" };
const WHY = { deactivated: "the account is deactivated", "current password": "the present password was wrong" };
const REMOVED = ["records", "account"];

const SAYS = {
  sign_in: ({ by }) => `Signed in ${BY[by] ?? ""}.`,
  sign_in_failed: ({ why }, about, line) => ["Could not sign in", line.about ? [" as ", about] : "", `: ${WHY[why] ?? "name or password was wrong"}.`],
  sign_out: ({ sessions }, about, line) =>
    sessions === undefined ? "Signed out." : ["Signed ", line.about ? about : "out", line.about ? " out of " : " of ", times(sessions, "session", "sessions"), "."],
  invite: ({ role, uses, invitation, withdrawn }) =>
    withdrawn ? `Withdrew invitation ${short(withdrawn)}.` : `Invited ${uses === 1 ? "somebody" : `${uses} people`} as ${role} (invitation ${short(invitation)}).`,
  join: ({ role, by, invitation }) => `Joined as ${role} ${BY[by] ?? ""}${invitation ? ` (invitation ${short(invitation)})` : ""}.`,
  password: ({ by }, about) => (by === "administrator" ? ["Made a password link for ", about, "."] : `Set a new password${by === "link" ? " by a link" : ""}.`),
  name: () => "Took another name.",
  role: ({ before, after, groups }, about) =>
    groups ? ["Put ", about, groups.length ? ` into ${groups.join(", ")}.` : " into no group."] : ["Made ", about, ` ${after}, who was ${before} before.`],
  activation: ({ active }, about) => [active ? "Let " : "Deactivated ", about, active ? " in again." : "."],
  token: ({ made, role, revoked }) => (revoked ? `Took token ${short(revoked)} back.` : `Made token ${short(made)}, as ${role}.`),
  export: ({ what, data }) => `Exported ${what}: ${data}.`,
  import: ({ begun, imported, skipped, failed }) =>
    begun ? "Began an import." : `Imported ${times(imported, "line", "lines")}; ${skipped} skipped, ${failed} failed.`,
  erasure: (what, about) => what.simulated ? `Erased simulated person ${short(what.simulated)}.` : ["Erased the ", REMOVED.find((part) => what[part]) ?? "records", " of ", about, "."],
  run: ({ arm, ...what }) => told(what, { started: "Started", stopped: "Stopped", resumed: "Resumed" }, (id) => `a run of ${arm} (${short(id)})`),
  compare: ({ override, ...what }) =>
    told(what, { put_in: "Put into Compare:", taken_out: "Took out of Compare:", back_to: "Went back to:" }, (ids) => `${[ids].flat().map((id) => `version ${short(id)}`).join(", ")}${override ? ", against its verdict" : ""}`),
  study: ({ study, made, changed, person, excluded }) => {
    if (person) return `${excluded ? "Left" : "Took"} person ${short(person)} ${excluded ? "out of training and exports" : "into training and exports again"}, by study ${short(study)}.`;
    return made ? `Made study ${short(study)}.` : `Changed study ${short(study)}: ${(changed ?? []).join(", ")}.`;
  },
  settings: ({ changed }) =>
    Array.isArray(changed) ? `Started for the first time, with ${times(changed.length, "setting", "settings")} noted.` : `Started with other settings: ${Object.entries(changed ?? {}).map(setting).join(", ")}.`,
};

/** A setting before and after; of a secret only that it is another. */
const setting = ([name, values]) => (Array.isArray(values) ? `${name} from “${values[0] ?? ""}” to “${values[1]}”` : name);

/** "Started a run ...": the verb of the one entry that `what` has. */
function told(what, verbs, words) {
  const key = Object.keys(verbs).find((each) => each in what);
  return key ? `${verbs[key]} ${words(what[key])}.` : plainly(what);
}

const plainly = (what) => Object.entries(what).map(([name, value]) => `${name}: ${value}`).join(", ");
