// A notebook that is opened anew, in a page that has not started its cells, shows what they have
// written and shown since. The kernel "eqflow (Go)" remembers that. JupyterLab drops messages about
// cells that another page has started.
(() => {
  'use strict';

  const name = 'eqflow-kernel';
  const cellsType = 'application/vnd.eqflow.cells+json';

  // The cells that a page of this browser has saved after their end: numbers by the session of the
  // kernel, which a restart renews. A cell whose output the user has cleared stays empty.
  const saved = {
    key: 'eqflow-kernel:saved',
    mostSessions: 20,
    all() {
      try {
        return JSON.parse(window.localStorage.getItem(this.key)) || [];
      } catch {
        return [];
      }
    },
    of(session) {
      return (this.all().find(entry => entry.session === session) || {cells: []}).cells;
    },
    add(session, ended) {
      const others = this.all().filter(entry => entry.session !== session);
      const cells = [...new Set([...this.of(session), ...ended])];
      const all = [...others, {session, cells}].slice(-this.mostSessions);
      try {
        window.localStorage.setItem(this.key, JSON.stringify(all));
      } catch {
        // A browser without storage shows cleared output again.
      }
    }
  };

  const isOurs = async kernel => {
    const info = await kernel.info;
    return info.implementation === 'eqflow' && (info.supported_features || []).includes('kernel subshells');
  };

  const request = (kernel, magic, disposeOnDone) =>
    kernel.requestExecute({code: `%eqflow output ${magic}`, store_history: false, stop_on_error: false}, disposeOnDone);

  // knownCells returns the cells whose output the kernel knows, the latest run of each, and the
  // kernel's session.
  const knownCells = async kernel => {
    let list = [];
    const future = request(kernel, '--cells', true);
    future.onIOPub = message => {
      list = (message.content.data && message.content.data[cellsType]) || list;
    };
    const reply = await future.done;
    return {cells: [...new Map(list.map(cell => [cell.id, cell])).values()], session: reply.header.session};
  };

  // attach shows the output of a cell, and what it publishes until its end.
  const attach = async (widget, kernel, cell, ended) => {
    const model = widget.model;
    model.clearExecution();
    if (cell.runs) {
      model.executionState = 'running';
      widget.setPrompt('*');
    }
    const future = request(kernel, `--attach ${cell.number}`, false);
    widget.outputArea.future = future;
    await future.done;
    if (!widget.isDisposed) {
      model.executionCount = cell.number;
      model.executionState = 'idle';
    }
    ended.add(cell.number);
  };

  // complete waits until a notebook has a widget for each of its cells.
  const complete = async panel => {
    await panel.context.ready;
    const {content} = panel;
    while (!panel.isDisposed && !(content.model && content.widgets.length >= content.model.cells.length)) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  };

  // restore attaches the cells of a notebook that another page has started: those that run, and
  // those that have ended while no page was open. Pages that edit together share their outputs.
  const restore = async (panel, ended) => {
    const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
    if (!kernel || panel.context.model.collaborative || !(await isOurs(kernel))) {
      return;
    }
    await complete(panel);
    const {cells, session} = await knownCells(kernel);
    for (const cell of cells) {
      const widget = panel.content.widgets.find(w => w.model.type === 'code' && w.model.id === cell.id);
      if (!widget || (widget.outputArea.future && widget.outputArea.future.msg.header.session === kernel.clientId)) {
        continue; // this page has started it
      }
      const known = widget.model.executionCount === cell.number || saved.of(session).includes(cell.number);
      if (cell.runs || (!known && widget.model.sharedModel.getSource() === cell.code)) {
        attach(widget, kernel, cell, ended).catch(console.warn);
      }
    }
  };

  const activate = (tracker, actions) => {
    const pages = new WeakMap(); // what has ended in the page, by the panels of the notebooks
    const watch = panel => {
      const page = {session: '', ended: new Set()};
      pages.set(panel, page);
      const again = () => restore(panel, page.ended).catch(console.warn);
      panel.sessionContext.kernelChanged.connect(again);
      panel.sessionContext.iopubMessage.connect((_, message) => {
        if (page.session !== message.header.session) {
          page.session = message.header.session;
          page.ended.clear();
        }
      });
      panel.context.saveState.connect((_, state) => {
        if (state === 'completed' && page.session && page.ended.size) {
          saved.add(page.session, page.ended);
        }
      });
      panel.sessionContext.ready.then(again, () => undefined);
    };
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => watch(panel));
    actions.executed.connect((_, {notebook, cell}) => {
      const panel = tracker.find(p => p.content === notebook);
      if (panel && pages.has(panel) && cell.model.executionCount) {
        pages.get(panel).ended.add(cell.model.executionCount);
      }
    });
  };

  let shared; // JupyterLab's modules, by name and version

  const extension = async () => {
    const versions = Object.values(shared['@jupyterlab/notebook']);
    const {INotebookTracker, NotebookActions} = (await versions[0].get())();
    const plugin = {
      id: `${name}:output`,
      description: 'Shows the output of running cells again.',
      autoStart: true,
      requires: [INotebookTracker],
      activate: (_, tracker) => activate(tracker, NotebookActions)
    };
    return () => ({__esModule: true, default: plugin});
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[name] = {
    init: scope => {
      shared = scope;
    },
    get: extension
  };
})();
