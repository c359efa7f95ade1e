// The sign of Sluice.

export function Mark() {
  return (
    <svg class="mark" width="18" height="18" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M2 3h12M2 8h8M2 13h12" />
    </svg>
  );
}
