export const Logo = () => (
  <span className="logo">
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path d="M4 5.5C7 4 9.500 4.200 12 6c2.500-1.800 5-2 8-.500v13c-3-1.500-5.500-1.300-8 .5-2.500-1.800-5-2-8-.5z" />
      <path d="M12 6v13" />
    </svg>
    Lorebase
  </span>
);
