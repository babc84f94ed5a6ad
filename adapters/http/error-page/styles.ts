/** Styles that youch lacks: for long words on narrow screens, for colours that are too faint, and for the chain of causes. */
export const STYLES = `
:root { --links-fg: #1b7a50; }
:root, html.dark { --muted-fg: var(--slate-11); --subtitle-fg: var(--links-fg); --toggle-fg-color: var(--slate-11); }
input[type='checkbox']:disabled + span { opacity: 1; }
.card-table td { overflow-wrap: anywhere; vertical-align: top; }
.card-table td.table-value { color: var(--title-fg); }
@media (min-width: 768px) { .card-table td.table-key { width: 340px; } }
@media (max-width: 767px) {
  .card-table td { display: block; }
  .card-table td.table-key { border-bottom: 0; padding-bottom: 0; font-size: 13px; }
}
.shj-numbers div:before { opacity: 1; }
.shj-syn-cmnt { color: var(--slate-11); }
.cause-name { color: var(--danger-fg); font-size: 14px; }
.cause-message { color: var(--danger-fg); font-size: 18px; font-weight: 700; margin: 6px 0 14px;
  overflow-wrap: anywhere; white-space: pre-wrap; }
.cause-frames { border: 1px solid var(--border); border-radius: var(--radius); overflow: hidden; }
.cause-frame { border-top: 1px solid var(--border); font-size: 14px; }
.cause-frame:first-child { border-top: 0; }
.cause-frame > summary, .cause-native { padding: 9px 12px; overflow-wrap: anywhere; }
.cause-frame > summary { cursor: pointer; color: var(--title-fg); }
.cause-frame > summary span { color: var(--links-fg); }
.cause-native { color: var(--muted-fg); font-style: italic; }
.cause-frames:has(details) .cause-native { display: none; }
#layout:has(#all-frames-toggle input:checked) .cause-frames .cause-native { display: block; }
.cause .card-table { margin-top: 14px; }
`;
