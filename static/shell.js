// Entry of every page: light and dark, the person in the header.
// Knows nothing of what the page shows; the Compare page loads its own modules.

import { startTheme } from "./theme.js";
import { startPerson } from "./me.js";

startTheme();
startPerson();
