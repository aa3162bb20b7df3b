/** Bootstrap's parts one by one (its whole bundle is twice the script); the types are those of the whole. */

declare module "bootstrap/js/src/alert.js" {
  export { Alert as default } from "bootstrap";
}
declare module "bootstrap/js/src/collapse.js" {
  export { Collapse as default } from "bootstrap";
}
declare module "bootstrap/js/src/modal.js" {
  export { Modal as default } from "bootstrap";
}
declare module "bootstrap/js/src/offcanvas.js" {
  export { Offcanvas as default } from "bootstrap";
}
declare module "bootstrap/js/src/toast.js" {
  export { Toast as default } from "bootstrap";
}
