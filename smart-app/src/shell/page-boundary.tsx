import { Component, type ReactNode } from 'react';

interface Props {
  /** Another value begins anew: the page of another address. */
  readonly of: string;
  readonly failed: ReactNode;
  readonly children: ReactNode;
}

/** A page that fails says so in its place: an empty one would look like no finding. */
export class PageBoundary extends Component<Props, { readonly of: string; readonly broken: boolean }> {
  override readonly state = { of: this.props.of, broken: false };

  static getDerivedStateFromProps({ of }: Props, state: { readonly of: string }) {
    return of === state.of ? null : { of, broken: false };
  }

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? this.props.failed : this.props.children;
  }
}
