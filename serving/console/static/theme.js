"use strict";
// Before anything is drawn: the theme that was chosen, or else that of the system.
const chosen = localStorage.getItem("tandem.theme");
if (chosen) document.documentElement.dataset.theme = chosen;
