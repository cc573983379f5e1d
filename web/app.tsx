import { useEffect, useRef, useState } from 'preact/hooks';
import { isSignInNeeded, onSignInNeeded } from './api/session.ts';
import { Announcer } from './components/announcer.tsx';
import { EmptyState } from './components/emptyState.tsx';
import { Icon } from './components/icon.tsx';
import { ThemeSwitch } from './components/themeSwitch.tsx';
import { DetailsPage } from './pages/details/detailsPage.tsx';
import { GridPage } from './pages/grid/gridPage.tsx';
import { SignInPage } from './pages/signInPage.tsx';
import { WizardPage } from './pages/wizard/wizardPage.tsx';
import { GRID_HREF, useRoute, WIZARD_HREF } from './routing.ts';
import type { Route } from './routing.ts';

export function App() {
  const route = useRoute();
  const [mustSignIn, setMustSignIn] = useState(isSignInNeeded);
  useEffect(() => onSignInNeeded(setMustSignIn), []);
  const main = useRef<HTMLElement>(null);
  const place = mustSignIn ? 'sign-in' : placeOf(route);
  const isFirst = useRef(true);
  // Another page: the focus goes where its text begins, as after loading a document.
  useEffect(() => {
    document.title = `${titleOf(route)} · pgmove`;
    if (!isFirst.current) {
      main.current?.focus();
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [place]);
  return (
    <>
      <button type="button" class="skip-link" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="top-bar">
        <a class="brand" href={GRID_HREF}>
          <BrandMark /> pgmove
        </a>
        <nav class="top-nav" aria-label="Main">
          <a href={GRID_HREF} aria-current={route.page === 'grid' ? 'page' : undefined}>
            Migrations
          </a>
        </nav>
        <ThemeSwitch />
        <a class="button button-primary" href={WIZARD_HREF}>
          <Icon name="plus" /> <span>New migration</span>
        </a>
      </header>
      <main ref={main} tabIndex={-1} class="page">
        {mustSignIn ? <SignInPage /> : <Page route={route} key={place} />}
      </main>
      <Announcer />
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'grid':
      return <GridPage />;
    case 'wizard':
      return <WizardPage />;
    case 'details':
      return (
        <DetailsPage migration={route.key} section={route.section} database={route.database} />
      );
    case 'unknown':
      return (
        <>
          <h1>Not found</h1>
          <EmptyState title="There is no such page">
            <a href={GRID_HREF}>All migrations</a>
          </EmptyState>
        </>
      );
  }
}

/** What counts as another page; the sections of a migration do not. */
function placeOf(route: Route): string {
  if (route.page !== 'details') return route.page;
  const { subscription, resourceGroup, server, name } = route.key;
  return ['details', subscription, resourceGroup, server, name].join('/');
}

function titleOf(route: Route): string {
  if (route.page === 'details') return route.key.name;
  if (route.page === 'wizard') return 'New migration';
  return route.page === 'grid' ? 'Migrations' : 'Not found';
}

function BrandMark() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" class="brand-mark">
      <rect width="32" height="32" rx="8" />
      <path d="M7 11c0-2 3-3.2 6-3.2S19 9 19 11s-3 3.2-6 3.2S7 13 7 11zm0 0v9c0 2 3 3.2 6 3.2M15 19h10m-4-4 4 4-4 4" />
    </svg>
  );
}
