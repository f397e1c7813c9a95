// The expression editor: CodeMirror with PromQL, completing against this server.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useRef } from 'preact/hooks';

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.labelName, color: 'var(--code-label)' },
  { tag: tags.comment, color: 'var(--quiet)' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

interface Props {
  value: string;
  onChange: (text: string) => void;
  onRun: () => void;
}

export function Editor(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const promql = new PromQLExtension().setComplete({ remote: { apiPrefix: 'api/v1', httpMethod: 'GET' } });
    const run = () => {
      latest.current.onRun();
      return true;
    };
    view.current = new EditorView({
      parent: place.current!,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          syntaxHighlighting(colours),
          promql.asExtension(),
          placeholder('Expression: Enter runs it, Shift+Enter starts a new line'),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'Expression' }),
          // Completion's own Enter comes before ours, ours before the newline.
          Prec.highest(keymap.of(completionKeymap)),
          Prec.high(keymap.of([{ key: 'Enter', run }, { key: 'Shift-Enter', run: insertNewlineAndIndent }])),
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current.focus();
    return () => view.current!.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current!;
    const text = editor.state.doc.toString();
    if (text !== props.value) editor.dispatch({ changes: { from: 0, to: text.length, insert: props.value } });
  }, [props.value]);

  return <div class="editor" ref={place} />;
}
