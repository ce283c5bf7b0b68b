Feature: The description of the calls
  What apps were given to be written by is the truth: every answer, a refusal too, is one that the description foresees,
  in its kind, its content and what goes with it; and there is nothing that it does not describe.

  Scenario Outline: Every answer is as described when somebody tries to <call>
    When Anna tries to "<call>" in every way
    Then every answer to Anna is as documented

    Examples: Questions
      | call                          |
      | ask a question                |
      | ask aloud                     |
      | have a recording written down |
      | ask nothing                   |
      | ask with a picture            |

    Examples: Manuals
      | call                        |
      | list the manuals            |
      | read a manual               |
      | upload a manual             |
      | upload a page that is none  |
      | upload what is no file      |
      | announce a large manual     |
      | complete a large manual     |
      | fetch a manual from the web |
      | delete a manual             |
      | see the indexing            |
      | see one indexing job        |

    Examples: Everything else
      | call                             |
      | see the usage                    |
      | see the quota                    |
      | see whether Manuel is up         |
      | see how its parts are            |
      | see which build it is            |
      | ask for leave to ask a question  |
      | ask for leave to delete a manual |
      | call what is not there           |
      | call in a way that is not there  |

    @local
    Examples: What developers read
      | call                           |
      | read the document of the calls |
      | open the page of the calls     |
      | open the script of that page   |
      | open the style of that page    |

    @server
    Examples: Too much
      | call                       |
      | send more than anybody may |

  Scenario: A manual of one's own is shown as described
    Given Anna has the manual "router"
    When Anna tries to "read a manual" in every way
    Then every answer to Anna is as documented
    When Anna tries to "list the manuals" in every way
    Then every answer to Anna is as documented
    When Anna tries to "delete a manual" in every way
    Then every answer to Anna is as documented

  @exact
  Scenario: An answer with its sources is as described
    Given Anna has the manual "router"
    When Anna asks the question router-01
    Then the answer to Anna is as documented
    And the answer to Anna cites page 1 of the manual "router"

  @addresses
  Scenario: Who calls too often is told so as described
    Given Anna calls as often as the rate limit allows
    When Anna calls once more
    Then Anna is asked to slow down
    And the answer to Anna is as documented

  @outages
  Scenario Outline: A failure behind Manuel is told as described: <failure>
    Given Anna has the manual "router"
    And "<failure>" for Anna
    When Anna asks the question router-01
    Then Anna is refused because "<reason>"
    And the answer to Anna is as documented

    Examples:
      | failure                 | reason                  |
      | the model is out        | the model is out        |
      | the model is overloaded | the model is overloaded |
      | the search fails        | the search is out       |
      | the counters fail       | the counters are out    |

  Scenario: Nothing is described that is not tried here, and nothing tried that is not described
    Then the features try every call that is documented, and no other

  @local
  Scenario: Manuel shows the description that apps were given
    Then Anna reads the document that clients were given

  Scenario: Nothing is there that is not described
    Then Anna finds nothing that is not documented
